import numpy as np
def quantize_symmetric_int8(weight, *, block):
    n,k=weight.shape; b=(k+block-1)//block
    w=np.zeros((n,b*block),np.float32); w[:,:k]=weight; w=w.reshape(n,b,block)
    s=np.abs(w).max(-1)/127; s=np.where(s==0,1,s)
    q=(np.clip(np.rint(w/s[...,None]),-127,127)+128).astype(np.uint8)
    return q, s.astype(np.float32)
